/** The words of a text and what is between them, also in languages that are written without spaces. */
export function wordsOf(text: string, language?: string): Iterable<{ segment: string; isWordLike?: boolean }> {
  if ('Segmenter' in Intl) return new Intl.Segmenter(language, { granularity: 'word' }).segment(text);
  return text.split(/(\s+)/).map((segment) => ({ segment, isWordLike: /\S/.test(segment) }));
}
