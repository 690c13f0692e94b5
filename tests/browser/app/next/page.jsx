'use client';

import { useEffect } from 'react';
import * as minke from 'minke';

export default function Page() {
  useEffect(() => {
    window.minke = minke;
    window.ownWorker = () => new Worker(new URL('./own-worker.js', import.meta.url), { type: 'module' });
  }, []);
  return <p>An app</p>;
}
