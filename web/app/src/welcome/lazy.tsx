import { lazy } from '../parts/lazy';

export const WelcomeCard = lazy(async () => (await import('./card')).WelcomeCard, ['welcome']);
