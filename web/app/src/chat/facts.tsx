import { Copy } from 'lucide';
import type { Answer, Facts } from '../history/types';
import { IconButton } from '../parts/button';
import { duration, number } from '../text/format';
import { t } from '../text/text';
import { copy } from '../parts/copy';

/** The quiet line of an answer; it shows and hides the rest. */
export function FactsLine({ facts, open, toggle }: { facts: Facts; open: boolean; toggle: () => void }) {
  if (!facts.model) return null;
  return (
    <button type="button" class="facts-line" aria-expanded={open} onClick={toggle}>
      {lineOf(facts)}
    </button>
  );
}

/** What is told of an answer. */
export function FactsList({ answer }: { answer: Answer }) {
  const { facts } = answer;
  const { model, server, tokens, reasoningTokens, promptTokens, timeToFirstToken, seed } = facts;
  return (
    <dl class="answer-facts">
      <Fact name={t('chat.fact.model')} value={model} />
      <Fact name={t('chat.fact.server')} value={server} />
      <Fact name={t('chat.fact.tokens')} value={tokens && number(tokens)} />
      <Fact name={t('chat.fact.reasoning')} value={reasoningTokens && number(reasoningTokens)} />
      <Fact name={t('chat.fact.prompt')} value={promptTokens && number(promptTokens)} />
      <Fact name={t('chat.fact.speed')} value={speedOf(facts)} />
      <Fact name={t('chat.fact.first')} value={timeToFirstToken && brief(timeToFirstToken / 1000)} />
      <Fact name={t('chat.fact.thought')} value={answer.thoughtFor && brief(answer.thoughtFor)} />
      <Fact name={t('chat.fact.seed')} value={seed?.toString()} copied />
    </dl>
  );
}

function lineOf(facts: Facts): string {
  const parts = [facts.tokens && t('chat.tokens', { count: facts.tokens }), speedOf(facts)];
  return parts.filter(Boolean).join(' · ') || facts.model;
}

const speedOf = ({ tokensPerSecond }: Facts) =>
  tokensPerSecond && t('chat.speed', { rate: number(tokensPerSecond, { maximumFractionDigits: 1 }) });

/** Below ten seconds with two digits that count. */
const brief = (seconds: number) =>
  seconds < 10 ? number(seconds, { style: 'unit', unit: 'second', maximumSignificantDigits: 2 }) : duration(seconds);

function Fact({ name, value, copied }: { name: string; value: string | number | undefined; copied?: boolean }) {
  if (!value) return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <bdi>{value}</bdi>
        {copied && <IconButton icon={Copy} label={t('chat.copySeed')} onClick={() => void copy(String(value))} />}
      </dd>
    </div>
  );
}
