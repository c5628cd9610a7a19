import '../src/page/main.ts'
