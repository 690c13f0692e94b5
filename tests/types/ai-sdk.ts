// Our models against the AI SDK's own types, at compile time: nothing here runs.

import { embed, generateObject, jsonSchema, streamText } from 'ai';
import { embeddingModel, languageModel } from 'minke/ai-sdk';
import type { ChatEngine } from '../../web/src/types';

export async function calls(engine: ChatEngine): Promise<void> {
  const { fullStream } = streamText({
    model: languageModel(engine),
    prompt: 'Hi',
    providerOptions: { minke: { thinking: { type: 'disabled' } } },
  });
  for await (const part of fullStream) if (part.type === 'reasoning-delta') console.log(part.text);

  const schema = jsonSchema<{ name: string }>({ type: 'object', properties: { name: { type: 'string' } } });
  const { object } = await generateObject({ model: languageModel(engine), schema, prompt: 'A name' });
  console.log(object.name);
  const { embedding } = await embed({ model: embeddingModel(engine), value: 'Hi' });
  console.log(embedding.length);

  // @ts-expect-error one is not the other
  await embed({ model: languageModel(engine), value: 'Hi' });
}
