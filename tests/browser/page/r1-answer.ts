// An answer as R1 writes them, of 25 kB: reasoning in short paragraphs with many formulas, then headings, lists, tables and code.

/** Numbers from 0 to 1 that are the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const INLINE = [
  'x^2 + {n}x - {m} = 0',
  '\\frac{{n}}{{m}}',
  'a_{{n}} = a_{{m}} + d',
  '\\sqrt{{n} + {m}}',
  'x \\in \\mathbb{R}',
  '\\alpha_{{n}} \\leq \\beta',
  'f(x) = {n}x + {m}',
  'n \\to \\infty',
  '|x - {n}| < \\varepsilon',
  '\\sin^2\\theta + \\cos^2\\theta = 1',
];

const DISPLAY = [
  'x = \\frac{-b \\pm \\sqrt{b^2 - 4ac}}{2a} = \\frac{-{n} \\pm \\sqrt{{m}}}{2}',
  '\\sum_{k=1}^{{n}} k^2 = \\frac{n(n+1)(2n+1)}{6}',
  '\\int_{0}^{{n}} e^{-x^2}\\,dx \\approx {m}',
  '\\begin{aligned}\na &= {n} + {m} \\\\\n  &= {n} \\cdot {m}\n\\end{aligned}',
  '\\begin{pmatrix} {n} & {m} \\\\ 0 & 1 \\end{pmatrix} \\begin{pmatrix} x \\\\ y \\end{pmatrix}',
];

const THOUGHTS = [
  'Okay, so I need to find out when {f} holds, given that {f}.',
  'Wait, maybe I should check that {f} again, because {f} was assumed.',
  'Let me think about {f} first, and then compare it with what was found before.',
  'Alternatively, one could substitute {f} and see whether {f} follows.',
  'Hmm, that gives {f}, which is **not** what I expected here.',
  'So that case is closed, and {f} is all that is left to be looked at.',
];

const CODE = `\`\`\`python
def solve(a: float, b: float, c: float) -> tuple[float, float]:
    """Roots of a quadratic equation, smallest first."""
    discriminant = b**2 - 4 * a * c
    if discriminant < 0:
        raise ValueError(f"no real roots: {discriminant:.3f}")
    root = discriminant**0.5
    return tuple(sorted(((-b - root) / (2 * a), (-b + root) / (2 * a))))


print(solve(1, -{n}, {m}))  # compare with the formula
\`\`\`
`;

class Writer {
  text = '';

  constructor(private random: () => number) {}

  private from<T>(all: readonly T[]): T {
    return all[Math.floor(this.random() * all.length)] as T;
  }

  private filled(pattern: string): string {
    const number = () => String(1 + Math.floor(this.random() * 97));
    return pattern.replace(/\{[nm]\}/g, number).replace(/\{f\}/g, () => this.inline());
  }

  private inline = (): string => `\\( ${this.filled(this.from(INLINE))} \\)`;
  private display = (): string => `\\[\n${this.filled(this.from(DISPLAY))}\n\\]\n\n`;
  private sentence = (): string => this.filled(this.from(THOUGHTS));

  think(length: number): string {
    while (this.text.length < length) {
      this.text += `${this.sentence()} ${this.sentence()}\n\n`;
      if (this.random() < 0.15) this.text += this.display();
    }
    return this.text;
  }

  private section(number: number): string {
    const item = (mark: string) => `${mark} **Case ${number}**: ${this.sentence()}\n`;
    const row = () => `| ${this.inline()} | ${this.filled('{n}')} | ${this.sentence()} |\n`;
    const parts = [
      `### Step ${number}: ${this.inline()}\n\n${this.sentence()}\n\n`,
      this.display(),
      `${item('1.')}   - ${this.sentence()}\n   - ${this.sentence()}\n${item('2.')}\n`,
      `| Term | Value | Why |\n|:-----|------:|-----|\n${row()}${row()}${row()}\n`,
    ];
    if (number % 2 === 0) parts.push(`${this.filled(CODE)}\n`);
    return parts.join('');
  }

  answer(length: number): string {
    for (let number = 1; this.text.length < length; number++) this.text += this.section(number);
    return `${this.text}---\n\n**Final answer**\n\n\\boxed{${this.filled('{n}')}}\n`;
  }
}

/** Together about 25 kB, with about 325 formulas. */
export function r1Answer(seed = 1): { reasoning: string; answer: string } {
  const random = seeded(seed);
  return { reasoning: new Writer(random).think(11_000), answer: new Writer(random).answer(13_800) };
}
