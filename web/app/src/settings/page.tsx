// The settings that hold for all conversations, and for the app.

import type { ComponentChildren } from 'preact';
import { Button } from '../parts/button';
import { say } from '../parts/toast';
import { hrefOf } from '../route';
import { addressOf } from '../scope';
import { t } from '../text/text';
import { appearance, changeAppearance, FIRST_APPEARANCE } from './appearance';
import { Choices } from './controls';
import { DifferingConversations } from './differing';
import { type Form, LengthFields, SamplingFields, SystemField, ThinkingField } from './fields';
import { changeLanguage, LookFields } from './look';
import { MemoryFields } from './memory';
import { changeDefaults, changeTitles, defaults, resetSettings, titles, TITLES } from './settings';
import './settings.css';

const SECTIONS = [
  'look',
  'answers',
  'sampling',
  'length',
  'memory',
  'conversations',
  'data',
  'server',
  'reset',
] as const;
type Section = (typeof SECTIONS)[number];

export function SettingsPage() {
  const form: Form = { values: defaults.value, change: changeDefaults };
  const contents: Record<Section, ComponentChildren> = {
    answers: (
      <>
        <SystemField form={form} />
        <ThinkingField form={form} />
      </>
    ),
    sampling: <SamplingFields form={form} />,
    length: <LengthFields form={form} />,
    memory: <MemoryFields />,
    look: <LookFields />,
    conversations: <ConversationsSection />,
    data: (
      <p>
        {t('settings.data.about')} <a href={hrefOf({ screen: 'privacy' })}>{t('settings.data.link')}</a>
      </p>
    ),
    server: (
      <p>
        {t('settings.server.about')} <a href={addressOf('server')}>{t('settings.server.link')}</a>
      </p>
    ),
    reset: <Reset />,
  };
  return (
    <div class="settings">
      <SectionLinks />
      <div class="settings-column">
        <div class="title">
          <h1>{t('settings.title')}</h1>
          <p class="soft">{t('settings.intro')}</p>
        </div>
        {SECTIONS.map((section) => (
          <section
            key={section}
            id={`settings-${section}`}
            class="settings-section"
            aria-labelledby={headingOf(section)}
          >
            <h2 id={headingOf(section)} tabIndex={-1}>
              {t(`settings.section.${section}`)}
            </h2>
            {contents[section]}
          </section>
        ))}
      </div>
    </div>
  );
}

const headingOf = (section: Section) => `settings-${section}-heading`;

/** Not by the address, which is for routes. */
function SectionLinks() {
  const show = (section: Section) => (event: MouseEvent) => {
    event.preventDefault();
    const heading = document.getElementById(headingOf(section));
    heading?.scrollIntoView({ behavior: 'smooth' });
    heading?.focus({ preventScroll: true });
  };
  return (
    <nav class="settings-links" aria-label={t('settings.sections')}>
      {SECTIONS.map((section) => (
        <a key={section} href={hrefOf({ screen: 'settings' })} onClick={show(section)}>
          {t(`settings.section.${section}`)}
        </a>
      ))}
    </nav>
  );
}

function ConversationsSection() {
  return (
    <>
      <Choices
        label={t('settings.titles')}
        choices={TITLES.map((value) => ({
          value,
          label: t(`settings.titles.${value}`),
          about: t(`settings.titles.${value}.about`),
        }))}
        value={titles.value}
        onChange={changeTitles}
      />
      <h3>{t('settings.differing')}</h3>
      <DifferingConversations />
    </>
  );
}

function Reset() {
  const reset = () => {
    const before = appearance.value;
    const undo = resetSettings();
    changeAppearance(FIRST_APPEARANCE);
    void changeLanguage(undefined);
    say(t('settings.reset.done'), () => {
      undo();
      changeAppearance(before);
      void changeLanguage(before.language);
    });
  };
  return (
    <>
      <p class="soft">{t('settings.reset.about')}</p>
      <Button look="danger" onClick={reset}>
        {t('settings.reset')}
      </Button>
    </>
  );
}
