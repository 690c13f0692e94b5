// Parts of the app that are loaded when they are first shown.

import { signal } from '@preact/signals';
import type { ComponentType, FunctionComponent } from 'preact';
import { useEffect } from 'preact/hooks';
import { type Area, loadArea, t } from '../text/text';

/** A component that is fetched when it is first shown, with the texts of its areas, and `Until` before that. */
export function lazy<Props extends object>(
  fetch: () => Promise<ComponentType<Props>>,
  areas: readonly Area[] = [],
  Until: FunctionComponent<Props> = () => null,
): ComponentType<Props> {
  const loaded = signal<{ Part: ComponentType<Props> } | 'failed' | undefined>(undefined);
  const load = async () => {
    loaded.value = await Promise.all([fetch(), ...areas.map(loadArea)]).then(
      ([Part]) => ({ Part }),
      () => 'failed' as const,
    );
  };
  return function Lazy(props: Props) {
    useEffect(() => void (loaded.value ?? load()), []);
    if (loaded.value === 'failed') return <p class="note bad">{t('notLoaded')}</p>;
    return loaded.value ? <loaded.value.Part {...props} /> : <Until {...props} />;
  };
}
