import * as minke from 'minke';

window.minke = minke;
window.ownWorker = () => new Worker(new URL('./own-worker.js', import.meta.url), { type: 'module' });
