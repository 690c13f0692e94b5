import { lazy } from '../parts/lazy';

export const SettingsScreen = lazy(async () => (await import('./page')).SettingsPage, ['settings']);

/** What a conversation has differently, in a dialog. */
export const ConversationSettings = lazy(async () => (await import('./conversation')).ConversationDialog, ['settings']);
