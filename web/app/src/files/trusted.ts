// Trusted Types: the page's policy demands that what is run as a script comes through one of two that it names: the package's
// own, for its worker, and this one.

interface Policy {
  createScriptURL(address: string): string;
}

const { trustedTypes } = globalThis as {
  trustedTypes?: { createPolicy(name: string, rules: Policy): Policy };
};

/** Lets through this site's own scripts. */
const rules: Policy = {
  createScriptURL(address) {
    if (new URL(address, document.baseURI).origin !== location.origin)
      throw new Error(`${address} is not of this site`);
    return address;
  },
};

const policy = trustedTypes?.createPolicy('minke-app', rules) ?? rules;

/** The address of a script, as `new Worker` and service workers take it under the page's policy. */
export const trusted = (address: string): string => policy.createScriptURL(address);
