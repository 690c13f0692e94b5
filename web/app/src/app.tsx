// Which screen is shown.

import { ChatScreen } from './chat/screen';
import { Frame } from './frame/frame';
import { useKeyboard } from './keys/keyboard';
import { ModelsScreen } from './models/screen';
import { Opened } from './parts/opened';
import { Toasts } from './parts/toast';
import { PrivacyScreen } from './privacy/screen';
import { route } from './route';
import { scope } from './scope';
import { SettingsScreen } from './settings/screen';
import { ConnectScreen } from './server/screen';
import { answerer } from './model/model';

export function App() {
  useKeyboard();
  return (
    <>
      {scope === 'models' ? <ModelsScreen /> : <Frame>{screen()}</Frame>}
      <Opened />
      <Toasts />
    </>
  );
}

function screen() {
  const { screen } = route.value;
  if (screen === 'settings') return <SettingsScreen />;
  if (screen === 'privacy') return <PrivacyScreen />;
  return scope === 'server' && answerer.value === undefined ? <ConnectScreen /> : <ChatScreen />;
}
