// What one conversation has differently from the defaults.

import { Button } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { t } from '../text/text';
import { type Form, LengthFields, SamplingFields, SystemField, ThinkingField } from './fields';
import { defaults, ownSettings, type Settings, settingsOf } from './settings';
import './settings.css';

/** `own` is what the conversation has; each change gives `onChange` all that it then has. */
export function ConversationDialog({
  own,
  onChange,
  onClose,
}: {
  own: Partial<Settings>;
  onChange: (own: Partial<Settings>) => void;
  onClose: () => void;
}) {
  const form: Form = {
    values: settingsOf(own),
    change: (change) => onChange(ownSettings(own, change)),
    beside: defaults.value,
  };
  const count = Object.keys(ownSettings(own, {})).length;
  return (
    <Dialog wide title={t('settings.conversation')} onClose={onClose}>
      <div class="differences" role="status">
        <p class="soft">
          {count === 0 ? t('settings.conversation.same') : t('settings.conversation.differs', { count })}
        </p>
        {count > 0 && <Button onClick={() => onChange({})}>{t('settings.conversation.reset')}</Button>}
      </div>
      <section class="settings-section">
        <h3>{t('settings.section.answers')}</h3>
        <SystemField form={form} />
        <ThinkingField form={form} />
      </section>
      <section class="settings-section">
        <h3>{t('settings.section.sampling')}</h3>
        <SamplingFields form={form} />
      </section>
      <section class="settings-section">
        <h3>{t('settings.section.length')}</h3>
        <LengthFields form={form} />
      </section>
    </Dialog>
  );
}
