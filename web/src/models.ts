/** A model that can be named by id. */
export interface ListedModel {
  id: string;
  name: string;
  url: string;
  /** Bytes of the download, rounded: to choose by. */
  bytes?: number;
  /** Whose terms the weights are under. */
  licence?: string;
  /** Who made the model, and who made the file of it. */
  origin?: string;
}

const HUB = 'https://huggingface.co/unsloth';

function distill(id: string, repo: string, name: string, bytes: number, licence: string): ListedModel {
  const url = `${HUB}/${repo}-GGUF/resolve/main/${repo}-Q4_K_M.gguf`;
  return { id, name, url, bytes, licence, origin: 'DeepSeek; quantised to Q4_K_M by Unsloth' };
}

/**
 * DeepSeek's distilled reasoning models, Q4_K_M, smallest first. Their hashes are not listed: the hub tells them when a
 * download begins. DeepSeek gives the weights under MIT; the models that they were distilled into have terms too.
 */
export const models: readonly ListedModel[] = [
  distill(
    'deepseek-r1-distill-qwen-1.5b',
    'DeepSeek-R1-Distill-Qwen-1.5B',
    'DeepSeek R1 Distill Qwen 1.5B',
    1.12e9,
    'MIT; Qwen2.5: Apache 2.0',
  ),
  distill(
    'deepseek-r1-distill-qwen-7b',
    'DeepSeek-R1-Distill-Qwen-7B',
    'DeepSeek R1 Distill Qwen 7B',
    4.68e9,
    'MIT; Qwen2.5: Apache 2.0',
  ),
  distill(
    'deepseek-r1-distill-llama-8b',
    'DeepSeek-R1-Distill-Llama-8B',
    'DeepSeek R1 Distill Llama 8B',
    4.92e9,
    'MIT; Llama 3.1: Llama 3.1 Community License',
  ),
  distill(
    'deepseek-r1-0528-qwen3-8b',
    'DeepSeek-R1-0528-Qwen3-8B',
    'DeepSeek R1 0528 Qwen3 8B',
    5.03e9,
    'MIT; Qwen3: Apache 2.0',
  ),
];
