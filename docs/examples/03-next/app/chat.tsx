'use client';

import { useState } from 'react';
import { useChat, useEngine } from 'minke/react';

export default function Chat({ model }: { model: string }) {
  const [isWanted, want] = useState(false); // a gigabyte should not come before somebody asks for it
  const { status, engine, progress, error } = useEngine(isWanted ? { model } : null);
  const { messages, send, status: at } = useChat(engine);

  if (error) return <p role="alert">{error.message}</p>;
  if (status === 'idle') return <button onClick={() => want(true)}>Load {model}</button>;
  if (status === 'loading') return <progress value={progress?.loaded ?? 0} max={progress?.total ?? undefined} />;
  return (
    <main>
      {messages.map(({ role, content }, i) => (
        <p key={i} data-role={role}>
          {typeof content === 'string' && content}
        </p>
      ))}
      <button disabled={at !== 'ready'} onClick={() => void send('How many primes are there below 30?')}>
        Ask
      </button>
    </main>
  );
}
