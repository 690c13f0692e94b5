import { type ChatMessage, createEngine, type Tool } from 'minke';

const MODEL = new URLSearchParams(location.search).get('model') ?? 'deepseek-r1-distill-qwen-1.5b';

const tools: Tool[] = [
  {
    type: 'function',
    function: {
      name: 'temperature',
      description: 'The temperature in a city, in degrees Celsius',
      parameters: {
        type: 'object',
        properties: { city: { enum: ['Berlin', 'Madrid', 'Oslo'] } },
        required: ['city'],
        additionalProperties: false,
      },
    },
  },
];

/** What the tool does. Its arguments are what a model wrote: a real one has to check them. */
function temperature({ city }: { city: string }): object {
  return { city, celsius: { Berlin: 11, Madrid: 19, Oslo: 4 }[city] };
}

function show(text: string): void {
  const item = document.createElement('li');
  item.append(text);
  document.getElementById('log')?.append(item);
}

const engine = await createEngine({ model: MODEL });
const messages: ChatMessage[] = [{ role: 'user', content: 'Is it warmer in Madrid or in Oslo?' }];
for (let round = 0; round < 4; round++) {
  const { choices } = await engine.chat.completions.create({
    messages,
    tools,
    tool_choice: round === 0 ? 'required' : 'auto', // a small model may rather guess
    parallel_tool_calls: false, // one call in a reply
    reasoning_effort: 'low',
  });
  const { message } = choices[0] as (typeof choices)[number];
  messages.push(message);
  if (!message.tool_calls) {
    show(`answer: ${message.content}`);
    break;
  }
  for (const { id, function: called } of message.tool_calls) {
    const result = JSON.stringify(temperature(JSON.parse(called.arguments) as { city: string }));
    show(`${called.name}(${called.arguments}) gave ${result}`);
    messages.push({ role: 'tool', tool_call_id: id, content: result });
  }
}
document.title = 'Done';
