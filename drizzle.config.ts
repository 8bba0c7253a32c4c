// For drizzle-kit only: where the tables are declared and where migrations go.
import { defineConfig } from 'drizzle-kit';

export default defineConfig({ dialect: 'postgresql', schema: './src/store/schema*.ts', out: './drizzle' });
