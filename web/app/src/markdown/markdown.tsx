import './markdown.css';

/** What a model wrote. */
export function Markdown({ text }: { text: string; streaming: boolean }) {
  return (
    <div class="markdown" dir="auto">
      {text}
    </div>
  );
}
