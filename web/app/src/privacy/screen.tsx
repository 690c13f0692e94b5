import { lazy } from '../parts/lazy';

export const PrivacyScreen = lazy(async () => (await import('./page')).PrivacyPage);
