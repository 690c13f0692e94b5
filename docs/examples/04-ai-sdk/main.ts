import { streamText } from 'ai';
import { createEngine } from 'minke';
import { languageModel } from 'minke/ai-sdk';

const MODEL = new URLSearchParams(location.search).get('model') ?? 'deepseek-r1-distill-qwen-1.5b';

const show = (id: string, text: string) => document.getElementById(id)?.append(text);

const engine = await createEngine({ model: MODEL });
const { fullStream } = streamText({
  model: languageModel(engine),
  prompt: 'How many primes are there below 30?',
  // what the AI SDK has no setting for
  providerOptions: { minke: { reasoning_effort: 'medium' } },
});
for await (const part of fullStream) {
  if (part.type === 'reasoning-delta') show('reasoning', part.text);
  if (part.type === 'text-delta') show('answer', part.text);
  if (part.type === 'error') show('answer', String(part.error));
}
