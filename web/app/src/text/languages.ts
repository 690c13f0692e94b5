// The languages that there are texts in.

/** Each by its own name. */
export const LANGUAGES = {
  en: 'English',
  hi: 'हिन्दी',
  'zh-Hans': '简体中文',
  ar: 'العربية',
  es: 'Español',
} as const;

export type Language = keyof typeof LANGUAGES;
