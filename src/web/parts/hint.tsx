// What something means, on hover and focus of a small sign beside it.
import { Box, Tooltip } from '@mantine/core';
import { IconInfoCircle } from '@tabler/icons-react';

export function Hint({ children }: { children: string }) {
  return (
    <Tooltip label={children} multiline w={320}>
      <Box component="button" type="button" className="hint" aria-label={children}>
        <IconInfoCircle size={18} aria-hidden />
      </Box>
    </Tooltip>
  );
}
