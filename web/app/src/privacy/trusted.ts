// Trusted Types: the app's one policy for the addresses of scripts. Only its own are let through.

interface Trusting {
  trustedTypes?: {
    createPolicy(
      name: string,
      rules: { createScriptURL(url: string): string },
    ): { createScriptURL(url: string): unknown };
  };
}

function own(address: string): string {
  const { origin, href } = new URL(address, location.href);
  if (origin !== location.origin) throw new TypeError(`${href} is not the app's own`);
  return href;
}

const policy = (globalThis as Trusting).trustedTypes?.createPolicy('app', { createScriptURL: own });

/** The address of a script of the app's, as `new Worker` and `register` want it. */
export function ownScript(address: string | URL): string {
  // a TrustedScriptURL, which TypeScript's library does not know, is taken wherever an address is
  return (policy?.createScriptURL(String(address)) ?? own(String(address))) as string;
}
