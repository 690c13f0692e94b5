import { render } from 'preact';
import { App } from './app';
import { loadConversations } from './history/conversations';
import './style/index.css';
import { loadTexts } from './text/text';
import { scope } from './scope';

const [root] = await Promise.all([
  document.getElementById('app'),
  loadTexts(),
  scope === 'models' ? undefined : loadConversations().catch(() => {}), // one can chat without a history
]);
if (root) render(<App />, root);
