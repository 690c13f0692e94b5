// Work that is asked for more often than it is of use.

/** Does it in the next frame, once; a page that is not shown has no frames. */
export function eachFrame(work: () => void): () => void {
  return gathered(work, (run) => void (document.hidden ? setTimeout(run, 250) : requestAnimationFrame(run)));
}

/** Does it at most once in so many milliseconds, the last time after the last call. */
export function every(milliseconds: number, work: () => void): () => void {
  return gathered(work, (run) => void setTimeout(run, milliseconds));
}

function gathered(work: () => void, later: (run: () => void) => void): () => void {
  let asked = false;
  const run = () => {
    asked = false;
    work();
  };
  return () => {
    if (!asked) later(run);
    asked = true;
  };
}
