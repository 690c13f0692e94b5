// Small PDF files, made by hand.

const NORMAL = '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>';
/** A font that is not in the file, in an encoding that readers have to know: GB 18030's characters by their Unicode. */
const CHINESE = `<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H /DescendantFonts [
  << /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light
     /CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 2 >>
     /FontDescriptor << /Type /FontDescriptor /FontName /STSong-Light /Flags 4 /FontBBox [0 0 1000 1000] /ItalicAngle 0
       /Ascent 800 /Descent -200 /CapHeight 800 /StemV 80 >> >> ] >>`;

const hex = (text: string): string =>
  Array.from(text, (character) => character.charCodeAt(0).toString(16).padStart(4, '0')).join('');

/** A file with a page for each text. */
export const pdf = (pages: readonly string[]): Buffer =>
  file(
    pages.map((text) => `(${text})`),
    NORMAL,
  );

/** A page in Chinese. */
export const chinesePdf = (text: string): Buffer => file([`<${hex(text)}>`], CHINESE);

function file(strings: readonly string[], font: string): Buffer {
  const content = strings.map((string) => `BT /F 12 Tf 72 720 Td ${string} Tj ET`);
  const page = (at: number) =>
    `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F 3 0 R >> >> /Contents ${5 + 2 * at} 0 R >>`;
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Count ${strings.length} /Kids [${strings.map((_, at) => `${4 + 2 * at} 0 R`).join(' ')}] >>`,
    font,
    ...content.flatMap((stream, at) => [page(at), `<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`]),
  ];
  let out = '%PDF-1.7\n';
  const offsets = objects.map((object, at) => {
    const offset = out.length;
    out += `${at + 1} 0 obj\n${object}\nendobj\n`;
    return offset;
  });
  const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  const trailer = `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${out.length}\n%%EOF\n`;
  return Buffer.from(`${out}xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}${trailer}`, 'latin1');
}
