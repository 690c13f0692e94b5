// The page of `clients.spec.ts`, as Vite bundles it, and a tiny model that thinks and knows of tools.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vite';
import { parse, string, write } from '../../../scripts/gguf.mjs';
import { root } from '../../../scripts/setup.mjs';
import { vectors } from '../fixtures';

/** ChatML that thinks unless told not to, with tools, which are called as Hermes does. The model has a context of 256 tokens. */
const TEMPLATE = `{% for tool in tools or [] %}{{ tool.function.name }}{% endfor %}
{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content or '' }}{% for call in message.tool_calls or [] %}
<tool_call>{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}</tool_call>
{% endfor %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% if enable_thinking is not defined or enable_thinking %}<think>
{% endif %}{% endif %}`;

/** The tiny model with another template. */
export function tinyModel(): Buffer {
  const { entries, tensors } = parse(readFileSync(join(vectors, 'refuse/control-qwen2.gguf')));
  const template = (entry: { key: string }) =>
    entry.key === 'tokenizer.chat_template' ? { ...entry, value: string(TEMPLATE) } : entry;
  return write({ entries: entries.map(template), tensors });
}

/** The folder to serve. */
export async function builtClients(): Promise<string> {
  const outDir = join(root, '.cache/clients');
  await build({
    configFile: false,
    logLevel: 'error',
    root: import.meta.dirname,
    base: './',
    build: { outDir, emptyOutDir: true, minify: false },
    resolve: {
      alias: [
        { find: /^minke$/, replacement: join(root, 'dist/index.js') },
        { find: /^minke\/(.*)$/, replacement: join(root, 'dist/$1.js') },
      ],
    },
  });
  writeFileSync(join(outDir, 'tiny.gguf'), tinyModel());
  return outDir;
}
