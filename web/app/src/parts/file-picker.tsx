import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';

/** The system's dialog for files: what opens it, and an element that must be there for it. */
export function useFilePicker(
  label: string,
  onFiles: (files: [File, ...File[]]) => void,
  { accept, multiple = true }: { accept?: string; multiple?: boolean } = {},
): [open: () => void, input: JSX.Element] {
  const input = useRef<HTMLInputElement>(null);
  const take = ({ currentTarget }: { currentTarget: HTMLInputElement }) => {
    const [first, ...others] = currentTarget.files ?? [];
    currentTarget.value = ''; // so that the same file can be chosen again
    if (first) onFiles([first, ...others]);
  };
  return [
    () => input.current?.click(),
    <input ref={input} type="file" accept={accept} multiple={multiple} hidden aria-label={label} onChange={take} />,
  ];
}

/** What models' files are called. */
export const MODEL_FILES = { accept: '.gguf' };
