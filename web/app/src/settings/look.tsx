// Language, theme and size of the text: they apply at once.

import { useId } from 'preact/hooks';
import { say } from '../parts/toast';
import { type Language, LANGUAGES } from '../text/languages';
import { loadTexts, t } from '../text/text';
import { appearance, changeAppearance, TEXT_SIZES, THEMES } from './appearance';
import { Choices } from './controls';

/** Turns the page to another language, if its texts come. */
export async function changeLanguage(to: Language | undefined): Promise<void> {
  const before = appearance.value.language;
  changeAppearance({ language: to });
  try {
    await loadTexts();
  } catch {
    changeAppearance({ language: before });
    say(t('settings.language.failed'));
  }
}

export function LookFields() {
  const id = useId();
  const { language, theme, textSize } = appearance.value;
  return (
    <>
      <div class="setting">
        <label for={id}>{t('settings.language')}</label>
        <select
          id={id}
          value={language ?? ''}
          aria-describedby={`${id}-about`}
          onChange={({ currentTarget }) => void changeLanguage((currentTarget.value || undefined) as Language)}
        >
          <option value="">{t('settings.language.browser')}</option>
          {Object.entries(LANGUAGES).map(([tag, name]) => (
            <option key={tag} value={tag} lang={tag}>
              {name}
            </option>
          ))}
        </select>
        <p id={`${id}-about`} class="soft">
          {t('settings.language.about')}
        </p>
      </div>
      <Choices
        look="line"
        label={t('settings.theme')}
        choices={THEMES.map((value) => ({ value, label: t(`settings.theme.${value}`) }))}
        value={theme}
        onChange={(theme) => changeAppearance({ theme })}
      />
      <Choices
        look="line"
        label={t('settings.textSize')}
        choices={TEXT_SIZES.map((value) => ({ value, label: t(`settings.textSize.${value}`) }))}
        value={textSize}
        onChange={(textSize) => changeAppearance({ textSize })}
      />
    </>
  );
}
