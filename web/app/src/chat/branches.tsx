import { ChevronLeft, ChevronRight } from 'lucide';
import { branchesAt } from '../history/tree';
import type { Message } from '../history/types';
import { IconButton } from '../parts/button';
import { t } from '../text/text';
import { show } from './actions';
import { treeOf } from './open';

/** Goes from branch to branch where a message has others beside it. */
export function Branches({ message }: { message: Message }) {
  const branches = branchesAt(treeOf(message.conversation).value ?? new Map(), message);
  const at = branches.findIndex(({ id }) => id === message.id);
  const [before, after] = [branches[at - 1], branches[at + 1]];
  if (branches.length < 2) return null;
  return (
    <span class="branches" role="group" aria-label={t('chat.branches')}>
      <IconButton
        icon={ChevronLeft}
        label={t('chat.previous')}
        disabled={!before}
        onClick={() => before && show(before)}
      />
      <span>{t('chat.branch', { at: at + 1, all: branches.length })}</span>
      <IconButton icon={ChevronRight} label={t('chat.next')} disabled={!after} onClick={() => after && show(after)} />
    </span>
  );
}
