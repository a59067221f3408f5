// Biome does the rest; this one rule needs type information.
import { parser, plugin } from 'typescript-eslint';

export default [
  { ignores: ['dist/', 'node_modules/', 'coverage/', 'data/'] },
  {
    files: ['**/*.ts'],
    languageOptions: { parser, parserOptions: { projectService: true } },
    plugins: { '@typescript-eslint': plugin },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
    },
  },
];
