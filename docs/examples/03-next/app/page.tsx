import Chat from './chat';

// A server component: the package touches nothing when it is imported, so nothing has to be loaded dynamically.
export default function Page() {
  return <Chat model="deepseek-r1-distill-qwen-1.5b" />;
}
