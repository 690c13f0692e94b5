// The same code for a model on the device and one on a server: only what makes the engine differs. What is said here leaves
// the device, so ask before you connect.

import { type ChatEngine, connect } from 'minke';

const SERVER = new URLSearchParams(location.search).get('server') ?? 'http://localhost:8080/v1';

const show = (id: string, text: string) => document.getElementById(id)?.append(text);

async function ask(engine: ChatEngine, question: string): Promise<void> {
  show('where', engine.info.where);
  const chunks = await engine.chat.completions.create({
    messages: [{ role: 'user', content: question }],
    stream: true,
  });
  for await (const { choices } of chunks) {
    show('reasoning', choices[0]?.delta.reasoning_content ?? '');
    show('answer', choices[0]?.delta.content ?? '');
  }
}

const engine = connect({ baseURL: SERVER });
await ask(engine, 'How many primes are there below 30?').catch((error: Error) => show('answer', error.message));
document.title = 'Done';
