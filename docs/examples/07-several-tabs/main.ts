// Open this page in several tabs: the first one loads the model, and all of them talk to it. Close that tab, and another
// loads the model again, from the browser's store, while replies go on where they were.

import { createEngine } from 'minke';

const MODEL = new URLSearchParams(location.search).get('model') ?? 'deepseek-r1-distill-qwen-1.5b';

const element = (id: string) => document.getElementById(id) as HTMLElement;
const form = document.forms[0] as HTMLFormElement;
const button = form.querySelector('button') as HTMLButtonElement;

const engine = await createEngine({
  model: MODEL,
  share: true,
  onProgress: ({ phase }) => (element('status').textContent = phase), // `waiting`: another tab loads it
});
element('status').textContent = 'Ready';
button.disabled = false;

form.onsubmit = async (event) => {
  event.preventDefault();
  button.disabled = true;
  element('answer').textContent = '';
  const question = new FormData(form).get('question') as string;
  const chunks = await engine.chat.completions.create({
    messages: [{ role: 'user', content: question }],
    stream: true,
  });
  for await (const { choices } of chunks) {
    const { reasoning_content = '', content = '' } = choices[0]?.delta ?? {};
    element('answer').append(reasoning_content, content);
  }
  button.disabled = false;
};
