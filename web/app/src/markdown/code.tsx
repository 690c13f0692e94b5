import { Check, Copy } from 'lucide';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Button } from '../parts/button';
import { toClipboard } from '../parts/copy';
import { say } from '../parts/toast';
import { t } from '../text/text';
import { later } from './queue';

/** Longer code has no colours: making them would take too long. */
const LONGEST = 50_000;
const COPIED_SECONDS = 2;

/** A block of code. `open`: more of it is coming. */
export function Code({ text, language, open }: { text: string; language: string; open: boolean }) {
  const place = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    write(element, text);
    if (open || language === '' || text.length > LONGEST) return undefined;
    return later(import('./highlight'), ({ highlight }) => highlight(element, text, language.toLowerCase()));
  }, [text, language, open]);
  const name = language === '' ? t('markdown.code') : t('markdown.codeIn', { language });
  return (
    <div class="code" dir="ltr">
      <div class="code-head">
        <span>{language}</span>
        <CopyButton text={text} />
      </div>
      <pre tabIndex={0} role="group" aria-label={name}>
        <code ref={place} />
      </pre>
    </div>
  );
}

/** Adds to the text where it has only grown, which leaves a selection in it alone. */
function write(element: HTMLElement, text: string) {
  const { firstChild } = element;
  if (firstChild instanceof Text && element.childNodes.length === 1 && text.startsWith(firstChild.data)) {
    firstChild.appendData(text.slice(firstChild.length));
  } else {
    element.textContent = text;
  }
}

function CopyButton({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), COPIED_SECONDS * 1000);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async () => {
    if (await toClipboard(text)) setCopied(true);
    else say(t('chat.cannotCopy'));
  };
  return (
    <>
      <Button look="plain" icon={copied ? Check : Copy} aria-label={t('markdown.copyCode')} onClick={() => void copy()}>
        {copied ? t('copied') : t('copy')}
      </Button>
      <span class="hidden" role="status">
        {copied ? t('copied') : ''}
      </span>
    </>
  );
}
