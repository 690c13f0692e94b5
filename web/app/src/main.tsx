import { render } from 'preact';
import { App } from './app';
import { loadConversations } from './history/conversations';
import { register } from './privacy/registration';
import { testLeaks } from './privacy/self-test';
import './style/index.css';
import { loadTexts } from './text/text';
import { scope } from './scope';

const [root] = await Promise.all([
  document.getElementById('app'),
  loadTexts(),
  scope === 'models' ? undefined : loadConversations().catch(() => {}), // one can chat without a history
]);
if (root) render(<App />, root);
void register();
if (scope !== 'models') void testLeaks(); // where models come from, nothing is written that could leak
