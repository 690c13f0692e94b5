import { lazy } from '../parts/lazy';

export const ModelsScreen = lazy(async () => (await import('./page')).ModelsPage, ['models', 'welcome']);
