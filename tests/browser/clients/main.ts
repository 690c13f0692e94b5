// What a page needs for `clients.spec.ts`, bundled as any app's is.

import { generateObject, jsonSchema, streamText } from 'ai';
import { createEngine } from 'minke';
import { languageModel } from 'minke/ai-sdk';
import { createFetch } from 'minke/openai';
import OpenAI from 'openai';
import { Probe } from './probe';

const clients = { createEngine, createFetch, generateObject, jsonSchema, languageModel, OpenAI, Probe, streamText };

declare global {
  interface Window {
    clients: typeof clients;
    probe: Probe;
  }
}

window.clients = clients;
