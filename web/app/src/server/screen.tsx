import { lazy } from '../parts/lazy';

export const ConnectScreen = lazy(async () => (await import('./connect')).Connect, ['server']);
