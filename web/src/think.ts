// Thoughts that a server leaves in the text of a reply, told apart as the engine tells them on the device.

const OPEN = '<think>';
const CLOSE = '</think>';

/** Text, by what it is. */
export interface Split {
  reasoning: string;
  answer: string;
}

/** How many characters at the end of `text` may be the beginning of `tag`. */
function partial(text: string, tag: string): number {
  for (let length = Math.min(tag.length - 1, text.length); length > 0; length--)
    if (text.endsWith(tag.slice(0, length))) return length;
  return 0;
}

/** Takes a reply as it comes. It thinks if it starts with `<think>`, after white space, until `</think>`; else never. */
export class ThinkSplitter {
  #part: 'start' | 'reasoning' | 'answer' = 'start';
  #held = '';
  /** Leading newlines of a part are not its text. */
  #leading = false;

  /** Nothing is to be split off any more. */
  answer(): void {
    if (this.#part === 'start') this.#part = 'answer';
  }

  /** Takes more of the reply; what can be told apart now. */
  push(text: string): Split {
    this.#held += text;
    const split = { reasoning: '', answer: '' };
    if (this.#part === 'start') this.#start();
    if (this.#part === 'reasoning') split.reasoning = this.#reason();
    if (this.#part === 'answer') split.answer = this.#take(this.#held.length);
    return split;
  }

  /** What is left when the reply ends. */
  finish(): Split {
    const rest = this.#held;
    this.#held = '';
    return this.#part === 'reasoning'
      ? { reasoning: this.#text(rest.trimEnd()), answer: '' }
      : { reasoning: '', answer: this.#text(rest) };
  }

  #start(): void {
    const text = this.#held.trimStart();
    if (text.startsWith(OPEN)) this.#begin('reasoning', text.slice(OPEN.length));
    else if (!OPEN.startsWith(text)) this.#part = 'answer';
  }

  #reason(): string {
    const at = this.#held.indexOf(CLOSE);
    if (at >= 0) {
      const reasoning = this.#text(this.#held.slice(0, at).trimEnd());
      this.#begin('answer', this.#held.slice(at + CLOSE.length));
      return reasoning;
    }
    return this.#take(this.#held.slice(0, this.#held.length - partial(this.#held, CLOSE)).trimEnd().length);
  }

  #begin(part: 'reasoning' | 'answer', held: string): void {
    this.#part = part;
    this.#held = held;
    this.#leading = true;
  }

  #take(length: number): string {
    const text = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    return this.#text(text);
  }

  #text(text: string): string {
    const shown = this.#leading ? text.replace(/^[\r\n]+/, '') : text;
    if (shown) this.#leading = false;
    return shown;
  }
}
