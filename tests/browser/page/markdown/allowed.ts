// What a rendered text may consist of: everything else is reported.

const EVERYWHERE = ['class', 'dir', 'style', 'role', 'tabindex', 'aria-hidden', 'aria-label', 'data-source'];

/** Elements, and their attributes beside those. */
const ALLOWED: Record<string, string> = {
  'article div p h3 h4 h5 h6 ul li blockquote hr table thead tbody tr th td pre code strong em del br span bdi': '',
  ol: 'start',
  a: 'href title target rel',
  input: 'type disabled checked',
  button: 'type',
  // icons, and what KaTeX draws
  svg: 'xmlns width height viewBox preserveAspectRatio fill stroke stroke-width stroke-linecap stroke-linejoin',
  'path line rect circle': 'd x y x1 x2 y1 y2 cx cy r rx ry width height stroke-width',
  // formulas for screen readers
  'math semantics annotation': 'xmlns display encoding',
  'mrow mi mn mo mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mstyle mpadded mphantom menclose mtable mtr mtd mlabeledtr mglyph':
    'mathvariant mathcolor mathbackground mathsize stretchy fence separator lspace rspace minsize maxsize form accent accentunder linethickness displaystyle scriptlevel width height depth voffset notation rowspacing columnspacing columnalign columnlines rowlines rowalign side movablelimits symmetric largeop linebreak',
};

const attributesOf = new Map(
  Object.entries(ALLOWED).flatMap(([names, attributes]) =>
    names.split(' ').map((name): [string, Set<string>] => [name, new Set([...EVERYWHERE, ...attributes.split(' ')])]),
  ),
);

const ADDRESS = /^(?:https?:\/\/|mailto:)/;
const CLASSES = /^[\w -]*$/;
/** Nothing that is fetched, that covers the page or that leaves its place. */
const STYLE = /^(?!.*(?:url|image|expression|import|fixed|absolute|z-index))[\w\s:;.#,%()-]*$/;

function attributeFault({ name, value }: Attr): boolean {
  if (name === 'href') return !ADDRESS.test(value);
  if (name === 'class') return !CLASSES.test(value);
  if (name === 'style') return !STYLE.test(value);
  if (name === 'target') return value !== '_blank';
  if (name === 'rel') return value !== 'noopener noreferrer nofollow';
  return name === 'type' && !['button', 'checkbox'].includes(value);
}

/** Everything below an element that no text may bring about. */
export function unexpected(root: Element): string[] {
  return [...root.querySelectorAll('*')].flatMap((element) => {
    const allowed = attributesOf.get(element.localName);
    if (!allowed) return [`<${element.localName}>`];
    const wrong = [...element.attributes].filter(
      (attribute) => !allowed.has(attribute.name) || attributeFault(attribute),
    );
    return wrong.map(({ name, value }) => `<${element.localName} ${name}="${value}">`);
  });
}
