/** Whom an address is of, to be put into a sentence: from left to right, whichever way the sentence goes. */
export const hostOf = (address: string): string => leftToRight(new URL(address).host);

/** By the characters that isolate a piece of text. */
export const leftToRight = (text: string): string => `\u2066${text}\u2069`;
