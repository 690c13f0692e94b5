// What a file is, by its name and by how its bytes begin.

/** A fence's name in Markdown, and the extensions of files that it is for. */
const TEXTS: Record<string, string> = {
  markdown: 'md markdown mdx',
  '': 'txt text log rst tex srt vtt',
  csv: 'csv',
  tsv: 'tsv tab',
  json: 'json jsonl ndjson geojson ipynb webmanifest',
  yaml: 'yaml yml',
  toml: 'toml',
  ini: 'ini cfg conf env properties',
  xml: 'xml svg xsd xsl plist',
  html: 'html htm xhtml vue svelte',
  css: 'css',
  scss: 'scss sass less',
  javascript: 'js mjs cjs jsx',
  typescript: 'ts mts cts tsx',
  python: 'py pyi pyw',
  rust: 'rs',
  go: 'go',
  java: 'java',
  kotlin: 'kt kts',
  swift: 'swift',
  c: 'c h',
  cpp: 'cc cpp cxx hh hpp hxx',
  csharp: 'cs',
  php: 'php',
  ruby: 'rb',
  perl: 'pl pm',
  lua: 'lua',
  r: 'r',
  julia: 'jl',
  scala: 'scala',
  haskell: 'hs',
  sql: 'sql',
  bash: 'sh bash zsh',
  powershell: 'ps1',
  diff: 'diff patch',
  wgsl: 'wgsl',
  glsl: 'glsl vert frag',
  dockerfile: 'dockerfile',
  makefile: 'makefile mk',
  bibtex: 'bib',
  graphql: 'graphql gql',
  protobuf: 'proto',
};

/** What models here cannot read, and the extensions of it. */
const REFUSED = {
  picture: 'png jpg jpeg gif webp avif bmp ico tif tiff heic heif psd',
  sound: 'mp3 wav ogg oga opus flac m4a aac mid midi',
  video: 'mp4 m4v mov avi mkv webm mpg mpeg wmv',
  office: 'doc docx odt rtf pages epub ppt pptx odp',
  sheet: 'xls xlsx xlsb ods numbers',
  archive: 'zip gz tgz bz2 xz zst 7z rar tar jar',
} as const;

export type RefusedKind = keyof typeof REFUSED;

const byExtension = <Kind extends string>(table: Record<Kind, string>) =>
  new Map(
    (Object.entries(table) as [Kind, string][]).flatMap(([kind, extensions]) =>
      extensions.split(' ').map((extension): [string, Kind] => [extension, kind]),
    ),
  );

const texts = byExtension(TEXTS);
const refused = byExtension(REFUSED);

/** What follows the last dot; of a name without one, such as `Makefile`, all of it. */
const extensionOf = (name: string): string => /[^./\\]*$/.exec(name)?.[0].toLowerCase() ?? '';

/** The kind of text that a name promises; undefined: it says nothing of that. */
export const textKind = (name: string): string | undefined => texts.get(extensionOf(name));

export const refusedKind = (name: string): RefusedKind | undefined => refused.get(extensionOf(name));

/** PDF files may have something before their mark, within the first kilobyte. */
export const isPdf = (bytes: Uint8Array): boolean => String.fromCharCode(...bytes.subarray(0, 1024)).includes('%PDF-');
