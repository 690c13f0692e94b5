// Whether this device can run a model, in plain words, with the facts behind them.

import { CircleAlert, CircleCheck, CircleX } from 'lucide';
import { useEffect, useId } from 'preact/hooks';
import { Icon } from '../parts/icon';
import { bytes } from '../text/format';
import { t } from '../text/text';
import { device, type Device, freeOf, lookAtDevice } from './device';
import { verdictOf } from './verdict';
import './welcome.css';

const ICONS = { good: CircleCheck, warn: CircleAlert, bad: CircleX };

export function CheckCard() {
  const heading = useId();
  useEffect(() => void lookAtDevice(), []);
  const found = device.value;
  if (!found) {
    return (
      <section class="card check" aria-busy="true">
        <p class="soft">{t('welcome.looking')}</p>
      </section>
    );
  }
  const { tone, title, words } = verdictOf(found);
  return (
    <section class="card check" aria-labelledby={heading}>
      <div class={`check-sign ${tone}`}>
        <Icon of={ICONS[tone]} size={22} />
      </div>
      <div class="check-words">
        <h2 id={heading}>{title}</h2>
        {words.map((text) => (
          <p key={text} class="soft">
            {text}
          </p>
        ))}
        <details>
          <summary>{t('welcome.facts')}</summary>
          <Facts of={factsOf(found)} />
        </details>
      </div>
    </section>
  );
}

/** Names and values, in rows. */
export function Facts({ of }: { of: readonly (readonly [name: string, value: string])[] }) {
  return (
    <dl class="facts">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <bdi>{value}</bdi>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function factsOf({ gpu, adapter, memory, keeps, room }: Device): [string, string][] {
  const yesNo = (is: boolean) => t(is ? 'yes' : 'no');
  const free = freeOf(room);
  const size = (n: number | null) => (n === null ? t('welcome.notTold') : bytes(n));
  const facts: [string, string][] = [[t('welcome.fact.webgpu'), yesNo(gpu === 'ready')]];
  if (adapter) {
    facts.push(
      [t('welcome.fact.adapter'), adapter.name || t('welcome.notTold')],
      [t('welcome.fact.buffer'), bytes(adapter.maxBuffer)],
      [t('welcome.fact.binding'), bytes(adapter.maxBinding)],
      [t('welcome.fact.subgroups'), yesNo(adapter.subgroups)],
    );
  }
  facts.push(
    [t('welcome.fact.memory'), memory === null ? t('welcome.notTold') : t('welcome.about', { size: bytes(memory) })],
    [t('welcome.fact.keeps'), yesNo(keeps)],
    [t('welcome.fact.used'), size(room.usage)],
    [t('welcome.fact.free'), size(free)],
    [t('welcome.fact.persisted'), yesNo(room.persisted)],
  );
  return facts;
}
