/** Whether it is Enter that sends: not with Shift, and not the one that ends the input of a character. */
export const isEnter = (event: KeyboardEvent): boolean =>
  event.key === 'Enter' && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
