// The document of models. It is fetched when it is shown: the chat has no need of it.

import { signal } from '@preact/signals';
import type { FunctionComponent } from 'preact';
import { useEffect } from 'preact/hooks';

const page = signal<FunctionComponent | undefined>(undefined);

export function ModelsScreen() {
  useEffect(() => {
    void import('./page').then(({ ModelsPage }) => {
      page.value = ModelsPage;
    });
  }, []);
  const Page = page.value;
  return Page ? <Page /> : <main aria-busy="true" />;
}
