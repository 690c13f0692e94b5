import { useState } from 'react';
import { createRoot } from 'react-dom/client';
import { useChat, useEngine } from 'minke/react';

const MODEL = new URLSearchParams(location.search).get('model') ?? 'deepseek-r1-distill-qwen-1.5b';

function App() {
  const { engine, progress, error } = useEngine({ model: MODEL });
  const chat = useChat(engine);
  const [question, setQuestion] = useState('How many primes are there below 30?');
  const problem = error ?? chat.error;

  return (
    <>
      {problem && <p role="alert">{problem.message}</p>}
      {progress && <progress value={progress.loaded} max={progress.total ?? undefined} />}
      {chat.messages.map((message, i) => (
        <article key={i} data-role={message.role}>
          {'reasoning_content' in message && (
            <details open={chat.status === 'thinking'}>
              <summary>Reasoning</summary>
              {message.reasoning_content}
            </details>
          )}
          {typeof message.content === 'string' && message.content}
        </article>
      ))}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void chat.send(question);
          setQuestion('');
        }}
      >
        <input value={question} onChange={(event) => setQuestion(event.target.value)} size={50} />
        <button disabled={!engine || question === ''}>Ask</button>
        {chat.status === 'thinking' && (
          <button type="button" onClick={chat.answerNow}>
            Answer now
          </button>
        )}
        {chat.status !== 'ready' && (
          <button type="button" onClick={chat.stop}>
            Stop
          </button>
        )}
      </form>
    </>
  );
}

createRoot(document.getElementById('root') as HTMLElement).render(<App />);
