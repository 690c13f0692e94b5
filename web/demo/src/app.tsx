import { Conversation } from './conversation';
import { busy, messages, startAnew } from './chat';
import { loaded, loading, unload } from './loading';
import { NoWebGpu, Picker } from './picker';

export function App() {
  return (
    <>
      <header>
        <h1>Minke</h1>
        {loaded.value ? <Toolbar name={loaded.value.name} /> : <p>Reasoning models on your own device</p>}
      </header>
      <main>{content()}</main>
    </>
  );
}

function content() {
  if (!('gpu' in navigator)) return <NoWebGpu />;
  return loaded.value && !loading.value ? <Conversation /> : <Picker />;
}

function Toolbar({ name }: { name: string }) {
  const change = () => {
    startAnew();
    void unload();
  };
  return (
    <>
      <p class="model">{name}</p>
      <nav>
        <button type="button" disabled={messages.value.length === 0} onClick={startAnew}>
          New chat
        </button>
        <button type="button" disabled={busy.value} onClick={change}>
          Change model
        </button>
      </nav>
    </>
  );
}
