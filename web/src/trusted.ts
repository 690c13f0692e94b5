// Trusted Types: where a page's policy demands them, `new Worker` takes no plain address.

/** A TrustedScriptURL, of which TypeScript's library does not know. */
export interface TrustedAddress {
  /** The address itself. */
  toJSON(): string;
}

interface Policy {
  createScriptURL(url: string): TrustedAddress;
}

interface Scope {
  trustedTypes?: { createPolicy(name: string, rules: { createScriptURL(url: string): string }): Policy };
  TrustedScriptURL?: new () => TrustedAddress;
}

const scope = globalThis as Scope;
let policy: Policy | undefined;

/** An address that this package vouches for, through its only policy, which is made when it is first needed. */
export function trusted(url: string): string | TrustedAddress {
  try {
    policy ??= scope.trustedTypes?.createPolicy('minke', { createScriptURL: (url) => url });
  } catch {
    // the page allows no such policy; whether it needs one, the browser will say
  }
  return policy?.createScriptURL(url) ?? url;
}

/** Whether the page vouches for it. */
export const isTrusted = (value: unknown): value is TrustedAddress =>
  scope.TrustedScriptURL !== undefined && value instanceof scope.TrustedScriptURL;
