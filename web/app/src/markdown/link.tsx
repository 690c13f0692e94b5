import { Image as ImageIcon } from 'lucide';
import type { ComponentChildren } from 'preact';
import { Icon } from '../parts/icon';
import { copy } from '../parts/copy';
import { scope } from '../scope';
import { t } from '../text/text';

const PROTOCOLS = ['http:', 'https:', 'mailto:'];

/** Where a link leads, if it may be a link; relative ones would lead into the app. */
export function addressOf(href: string): URL | undefined {
  const address = URL.parse(href);
  return address && PROTOCOLS.includes(address.protocol) ? address : undefined;
}

const bare = (text: string) =>
  text
    .trim()
    .replace(/^(?:https?:\/\/|mailto:)/i, '')
    .replace(/\/$/, '')
    .toLowerCase();

/**
 * From the chat nothing may leave, and what a model wrote into an address would leave with it: so the address is copied, for the
 * reader to look at and open elsewhere.
 */
function copyInstead(event: MouseEvent, { href }: URL): void {
  if (scope !== 'chat') return;
  event.preventDefault();
  void copy(href, t('markdown.linkCopied'), t('markdown.linkStays', { address: href }));
}

/** A link that shows where it leads, unless `text` says just that. `image`: it leads to an image, which is never fetched. */
export function Link({
  address,
  text,
  image = false,
  children,
}: {
  address: URL;
  text: string;
  image?: boolean;
  children: ComponentChildren;
}) {
  const place = address.protocol === 'mailto:' ? address.pathname : address.host;
  const shown = bare(text) === bare(address.href);
  return (
    <a
      href={address.href}
      title={address.href}
      target="_blank"
      rel="noopener noreferrer nofollow"
      onClick={(event) => copyInstead(event, address)}
    >
      {image && <Icon of={ImageIcon} size={16} />}
      <bdi>{children}</bdi>
      {!shown && (
        <bdi class="soft" dir="ltr">
          {` ${place}`}
        </bdi>
      )}
    </a>
  );
}
