import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist', 'site', 'target', '.cache', 'web/src/generated', 'test-results'] },
  eslint.configs.recommended,
  tseslint.configs.strict,
  { rules: { 'no-undef': 'off', '@typescript-eslint/no-unused-expressions': ['error', { allowShortCircuit: true }] } },
  // Playwright's fixtures want an object pattern, empty or not
  { files: ['tests/browser/**'], rules: { 'no-empty-pattern': 'off' } },
);
