// The benchmark: which model, how far it is, what came out as text to copy, and what the engine tells of the device.

import { Copy, Play } from 'lucide';
import { useSignal } from '@preact/signals';
import type { EngineInfo } from 'minke';
import { wholeModels } from '../model/model';
import { nameOf } from '../model/names';
import { Button } from '../parts/button';
import { ProgressBar } from '../parts/progress';
import { copy } from '../parts/copy';
import { bytes, moment, number } from '../text/format';
import { t } from '../text/text';
import { Facts } from '../welcome/check';
import { BEGINNINGS, benchmark, browserName, type Measures, run } from './benchmark';

export function Benchmark() {
  const chosen = useSignal<string | undefined>(undefined);
  const whole = wholeModels.value ?? [];
  const model = whole.find(({ id }) => id === chosen.value) ?? whole[0];
  const now = run.value;
  const busy = now?.state === 'loading' || now?.state === 'running';
  return (
    <section class="models-section" aria-labelledby="models-benchmark">
      <h2 id="models-benchmark">{t('models.benchmark')}</h2>
      <div class="card benchmark">
        <p class="soft">{t(model ? 'models.benchmarkWords' : 'models.benchmarkNone')}</p>
        {model && !busy && (
          <div class="models-input">
            <select
              aria-label={t('models.benchmarkModel')}
              value={model.id}
              onChange={({ currentTarget }) => (chosen.value = currentTarget.value)}
            >
              {whole.map(({ id, url }) => (
                <option key={id} value={id}>
                  {nameOf(url)}
                </option>
              ))}
            </select>
            <Button icon={Play} onClick={() => void benchmark(model)}>
              {t('models.benchmarkRun')}
            </Button>
          </div>
        )}
        <Now />
      </div>
    </section>
  );
}

function Now() {
  const now = run.value;
  if (now === undefined) return null;
  if (now.state === 'failed') {
    return (
      <p class="note bad" role="alert">
        {now.problem.words} <span dir="auto">{now.problem.details}</span>
      </p>
    );
  }
  if (now.state === 'done') return <Result of={now.measures} />;
  const words =
    now.state === 'loading'
      ? t('models.benchmarkLoading')
      : t('models.benchmarkAt', { run: now.run, of: BEGINNINGS.length });
  return (
    <div class="work">
      <ProgressBar
        label={t('models.benchmark')}
        part={now.state === 'loading' ? now.part : (now.run - 1) / BEGINNINGS.length}
      />
      <div class="work-line">
        <p role="status">{words}</p>
        <Button look="plain" onClick={now.cancel}>
          {t('cancel')}
        </Button>
      </div>
    </div>
  );
}

const seconds = (n: number) => number(n, { style: 'unit', unit: 'second', maximumSignificantDigits: 3 });

const adapterOf = ({ device: { adapter } }: EngineInfo) => adapter || t('welcome.notTold');

/** What was measured, in rows of words. */
function resultOf({ model, info, load, promptTokens, replyTokens, prompt, reply, first, on }: Measures) {
  const speed = (perSecond: number) =>
    t('models.tokensPerSecond', { speed: number(perSecond, { maximumSignificantDigits: 3 }) });
  return [
    [t('models.result.model'), model],
    [t('models.result.adapter'), adapterOf(info)],
    [t('models.result.browser'), browserName()],
    [t('models.result.load'), seconds(load)],
    [t('models.result.prompt', { count: promptTokens }), speed(prompt)],
    [t('models.result.reply', { count: replyTokens }), speed(reply)],
    [t('models.result.first'), seconds(first / 1000)],
    [t('models.result.date'), moment(on)],
  ] as const;
}

/** As a table of Markdown, which forums and issues show. */
function markdownOf(rows: readonly (readonly [string, string])[]): string {
  const cell = (text: string) => text.replaceAll('|', '\\|');
  const lines = rows.map(([name, value]) => `| ${cell(name)} | ${cell(value)} |`);
  return [`| ${t('models.benchmarkTable')} | |`, '| --- | --- |', ...lines, ''].join('\n');
}

function Result({ of: measures }: { of: Measures }) {
  const rows = resultOf(measures);
  return (
    <div class="result">
      <p class="result-speed" role="status">
        {t('models.resultWords', { speed: number(measures.reply, { maximumSignificantDigits: 3 }) })}
      </p>
      <Facts of={rows} />
      <div>
        <Button icon={Copy} onClick={() => void copy(markdownOf(rows))}>
          {t('models.copyResult')}
        </Button>
      </div>
      <details>
        <summary>{t('models.engineFacts')}</summary>
        <Facts of={factsOf(measures)} />
      </details>
    </div>
  );
}

function factsOf({ info }: Measures): [string, string][] {
  const { device, kv, selfTest, heapBytes } = info;
  const [least, most] = device.subgroupSizes;
  const sizes = least === most ? number(least) : t('models.range', { least, most });
  const failures = selfTest.failures.map(({ kernel, problem }) => `${kernel}: ${problem}`).join('; ');
  return [
    [t('models.result.adapter'), adapterOf(info)],
    [t('models.fact.driver'), [device.backend, device.driver].filter(Boolean).join(', ')],
    [t('models.fact.subgroups'), device.subgroups ? sizes : t('no')],
    [t('welcome.fact.binding'), bytes(device.maxBinding)],
    [t('models.fact.kv'), t('models.fact.kvTypes', { keys: kv.keys, values: kv.values })],
    [t('models.fact.selfTest'), failures || t('models.fact.passed', { time: seconds(selfTest.milliseconds / 1000) })],
    [t('models.fact.heap'), bytes(heapBytes)],
  ];
}
