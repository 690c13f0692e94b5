// Conversations to look at: one with all that an answer may have, and some others at the side.

import type { Answer, Conversation, Message, Question } from '../../../web/app/src/history/types';

export const reasoning = `Okay, so two trains leave at the same time and drive towards each other. I need the time until they meet.

The distance between them shrinks by \\(80 + 120 = 200\\) km each hour. Wait, I should check the units: all are in km and km/h, so that is fine.`;

/** A text without marks, near the end of the answer. */
export const lastLine = 'The faster train goes further.';

const answer = `They meet after **90 minutes**, 120 km from the first station.

### Why

Each hour the distance between them shrinks by the sum of their speeds:

\\[ t = \\frac{d}{v_1 + v_2} = \\frac{300}{80 + 120} = 1.5 \\text{ h} \\]

| Train | Speed (km/h) | Way until they meet (km) |
| :-- | --: | --: |
| First | 80 | 120 |
| Second | 120 | 180 |

To try other numbers:

\`\`\`python
def meeting(distance: float, first: float, second: float) -> float:
    """Hours until two trains meet."""
    return distance / (first + second)

print(meeting(300, 80, 120))  # 1.5
\`\`\`

- [x] Both ways together are 300 km.
- [x] ${lastLine}

\\[ \\boxed{1.5 \\text{ h}} \\]`;

const MINUTE = 60_000;

/** A conversation of one question, or more, so many minutes ago. */
function conversation(at: number, title: string, ago: number, ...said: Said[]): [Conversation, Message[]] {
  const id = `00000000-0000-4000-8000-00000000000${at}`;
  const created = Date.now() - ago * MINUTE;
  const messages = said.map((each, place): Message => {
    const parent = place === 0 ? null : `${id}-${place - 1}`;
    return { ...each, id: `${id}-${place}`, conversation: id, parent, created: created + place };
  });
  const leaf = messages.at(-1)?.id ?? null;
  const times = { created, updated: created };
  return [{ id, title, titledBy: 'words', ...times, pinned: false, archived: false, settings: {}, leaf }, messages];
}

type Own = 'id' | 'conversation' | 'parent' | 'created';
type Said = Omit<Question, Own> | Omit<Answer, Own>;

const asks = (content: string, ...files: Question['files']): Said => ({ role: 'user', content, files });

const says = (content: string, reasoning: string): Said => ({
  role: 'assistant',
  content,
  reasoning,
  state: 'done',
  thoughtFor: 12,
  facts: {
    model: 'DeepSeek R1 Distill Qwen 1.5B',
    seed: 42,
    tokens: 512,
    reasoningTokens: 230,
    promptTokens: 96,
    tokensPerSecond: 21.4,
    timeToFirstToken: 340,
  },
});

export function conversations(): [Conversation, Message[]][] {
  const timetable = { name: 'timetable.csv', kind: 'csv', text: 'train,speed\nfirst,80\nsecond,120', cut: false };
  const others = [
    'Why the sky is blue',
    'A name for a boat',
    'Regular expression for dates',
    'Fractions for beginners',
  ];
  return [
    conversation(
      0,
      'Two trains that meet',
      5,
      asks('Two stations are 300 km apart. When do the trains of this table meet, and where?', timetable),
      says(answer, reasoning),
    ),
    ...others.map((title, at) =>
      conversation(at + 1, title, 700 * (at + 1), asks(title), says('It depends.', 'Let me see.')),
    ),
  ];
}
