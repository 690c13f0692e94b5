// The list of conversations, at the side.

import { computed, signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { t } from '../text/text';
import { conversations } from './conversations';
import { byUpdate, type Group, grouped } from './groups';
import './list.css';
import { Row } from './row';

/** How many rows are made at a time: more come as one scrolls, so that long lists open at once. */
const STEP = 60;

const startOfDay = () => new Date().setHours(0, 0, 0, 0);
const today = signal(startOfDay());
setInterval(() => (today.value = startOfDay()), 60_000);

const all = computed(() => [...conversations.value.values()]);
const groups = computed(() =>
  grouped(
    all.value.filter(({ archived }) => !archived),
    today.value,
  ),
);
const archived = computed(() => all.value.filter((one) => one.archived).sort(byUpdate));

export function ConversationList() {
  const unfolded = useSignal(false);
  return (
    <div class="conversations">
      {all.value.length === 0 && <p class="soft empty">{t('history.empty')}</p>}
      <Rows groups={groups.value} />
      {archived.value.length > 0 && (
        <details onToggle={(event) => (unfolded.value = event.currentTarget.open)}>
          <summary class="group">{t('history.archived', { count: archived.value.length })}</summary>
          {unfolded.value && <Rows groups={[{ name: '', conversations: archived.value }]} />}
        </details>
      )}
    </div>
  );
}

function Rows({ groups }: { groups: readonly Group[] }) {
  const most = useSignal(STEP);
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!end.current) return;
    const more = ([entry]: IntersectionObserverEntry[]) => {
      if (entry?.isIntersecting) most.value += STEP;
    };
    const observer = new IntersectionObserver(more, {
      root: end.current.closest('.conversations'),
      rootMargin: '600px',
    });
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [most.value]);
  const total = groups.reduce((sum, group) => sum + group.conversations.length, 0);
  return (
    <>
      {first(groups, most.value).map(({ name, conversations }) => (
        <section key={name}>
          {name && <h2 class="group">{name}</h2>}
          <ul>
            {conversations.map((conversation) => (
              <Row key={conversation.id} conversation={conversation} />
            ))}
          </ul>
        </section>
      ))}
      {most.value < total && <div ref={end} />}
    </>
  );
}

/** So many conversations of the groups, from the first one on. */
function first(groups: readonly Group[], most: number): Group[] {
  let left = most;
  const taken: Group[] = [];
  for (const { name, conversations } of groups) {
    if (left <= 0) break;
    taken.push({ name, conversations: conversations.slice(0, left) });
    left -= conversations.length;
  }
  return taken;
}
