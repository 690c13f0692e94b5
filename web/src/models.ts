/** A model that can be named by id. */
export interface ListedModel {
  id: string;
  name: string;
  url: string;
  /** Size of the download in bytes, where known beforehand. */
  bytes?: number;
}

const HUB = 'https://huggingface.co/unsloth';

function distill(id: string, repo: string, name: string, bytes?: number): ListedModel {
  const url = `${HUB}/${repo}-GGUF/resolve/main/${repo}-Q4_K_M.gguf`;
  return bytes === undefined ? { id, name, url } : { id, name, url, bytes };
}

/** DeepSeek's distilled reasoning models, Q4_K_M, smallest first. */
export const models: readonly ListedModel[] = [
  distill('deepseek-r1-distill-qwen-1.5b', 'DeepSeek-R1-Distill-Qwen-1.5B', 'DeepSeek R1 Distill Qwen 1.5B', 1.12e9),
  distill('deepseek-r1-distill-qwen-7b', 'DeepSeek-R1-Distill-Qwen-7B', 'DeepSeek R1 Distill Qwen 7B'),
  distill('deepseek-r1-distill-llama-8b', 'DeepSeek-R1-Distill-Llama-8B', 'DeepSeek R1 Distill Llama 8B', 4.92e9),
  distill('deepseek-r1-0528-qwen3-8b', 'DeepSeek-R1-0528-Qwen3-8B', 'DeepSeek R1 0528 Qwen3 8B'),
];
