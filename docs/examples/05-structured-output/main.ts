import { createEngine } from 'minke';

const MODEL = new URLSearchParams(location.search).get('model') ?? 'deepseek-r1-distill-qwen-1.5b';

/** What the answer is to be; `schema` says the same to the model's grammar. */
interface Review {
  sentiment: 'positive' | 'negative' | 'mixed';
  stars: number;
}

const schema = {
  type: 'object',
  properties: {
    sentiment: { enum: ['positive', 'negative', 'mixed'] },
    stars: { type: 'integer', minimum: 1, maximum: 5 },
  },
  required: ['sentiment', 'stars'],
  additionalProperties: false,
};

const engine = await createEngine({ model: MODEL });
const { choices } = await engine.chat.completions.create({
  messages: [{ role: 'user', content: 'Rate this review: "The room was small, but what a view!"' }],
  response_format: { type: 'json_schema', json_schema: { name: 'review', schema } },
  reasoning_effort: 'low', // it thinks freely, but not for long; the schema begins with the answer
});
const review = JSON.parse(choices[0]?.message.content ?? '') as Review;
document.getElementById('answer')?.append(JSON.stringify(review, null, 2));
